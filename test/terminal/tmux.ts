/** A person at a terminal: keys and screen of tmux. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const LIMIT_MS = 60_000;
const LOOK_AGAIN_MS = 40;

/** Tries until it is so; fails with `what` and what `shows` says. */
export async function until(what: string, holds: () => boolean, shows: () => string): Promise<void> {
  for (const end = Date.now() + LIMIT_MS; !holds(); await pause(LOOK_AGAIN_MS))
    if (Date.now() > end) throw new Error(`${what} has not come to be:\n${shows()}`);
}

export class Tmux {
  private readonly folder = mkdtempSync(join(tmpdir(), 'culm-tmux-'));

  /** A shell of the host's in a window of this size. */
  constructor(columns: number, rows: number) {
    const size = ['-x', String(columns), '-y', String(rows)];
    this.run(['new-session', '-d', ...size, "env 'PS1=host$ ' HISTFILE= bash --norc --noprofile"]);
  }

  private run(args: readonly string[]): string {
    const socket = ['-S', join(this.folder, 'socket'), '-f', '/dev/null'];
    const { status, stdout, stderr } = spawnSync('tmux', [...socket, ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tmux ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** Keys as tmux names them, or text. */
  press(...keys: string[]): void {
    this.run(['send-keys', ...keys]);
  }

  /** Types a line. */
  enter(line: string): void {
    this.run(['send-keys', '-l', line]);
    this.press('Enter');
  }

  paste(text: string): void {
    const file = join(this.folder, 'text');
    writeFileSync(file, text);
    this.run(['load-buffer', file]);
    this.run(['paste-buffer', '-r']);
  }

  resize(columns: number, rows: number): void {
    this.run(['resize-window', '-x', String(columns), '-y', String(rows)]);
  }

  get screen(): string {
    return this.run(['capture-pane', '-p']);
  }

  /** Waits until the screen shows it. */
  async shows(text: RegExp): Promise<void> {
    await until(
      `text ${String(text)}`,
      () => text.test(this.screen),
      () => this.screen,
    );
  }

  /** The settings of the terminal, as stty prints them. */
  get settings(): string {
    const device = this.run(['display-message', '-p', '#{pane_tty}']).trim();
    return spawnSync('stty', ['-F', device, '-a'], { encoding: 'utf8' }).stdout;
  }

  async settingsHave(word: string): Promise<void> {
    const has = (): boolean => this.settings.split(/[\s;]+/).includes(word);
    await until(`setting ${word}`, has, () => `${this.settings}\n${this.screen}`);
  }

  /** The window is closed. */
  kill(): void {
    this.run(['kill-pane']);
  }

  close(): void {
    spawnSync('tmux', ['-S', join(this.folder, 'socket'), 'kill-server']);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
