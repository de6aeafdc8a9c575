/** `culm run -it` as a person sees it. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Tmux, until } from './tmux.js';

const CULM = fileURLToPath(new URL('../../../bin/culm', import.meta.url));
const LIMIT_MS = 300_000;

/** A command line that leaves the pid of Culm's own process in `pidFile`. */
function command(program: string, options = ''): string {
  return `sh -c 'echo $$ > ${pidFile}; exec node ${options} ${CULM} run -it --rootfs / -e "PS1=guest$ " -- ${program}'`;
}
const folder = mkdtempSync(join(tmpdir(), 'culm-terminal-'));
const pidFile = join(folder, 'pid');
const crash = join(folder, 'crash.mjs');
const culmPid = (): number => Number(readFileSync(pidFile, 'utf8'));

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}

describe('culm run -it', { timeout: LIMIT_MS }, () => {
  let tmux: Tmux;
  before(() => {
    tmux = new Tmux(80, 24);
  });
  after(() => {
    tmux.close();
    rmSync(folder, { recursive: true });
  });

  const host = async (): Promise<void> => {
    tmux.enter('clear; echo host $((20 + 3))');
    await tmux.shows(/^host 23\s+host\$ *$/m);
  };
  const guest = async (): Promise<void> => {
    tmux.enter('clear');
    tmux.enter(command('bash --norc --noprofile'));
    await tmux.shows(/^guest\$ *$/m);
  };

  it('has job control', async () => {
    await guest();
    tmux.enter('sh -c "echo up; exec sleep 1000"');
    await tmux.shows(/^up$/m);
    tmux.enter('echo never');
    tmux.press('C-z');
    await tmux.shows(/\[1\]\+ +Stopped +sh -c/);
    tmux.enter('clear; bg');
    await tmux.shows(/\[1\]\+ sh -c .* &/);
    tmux.enter('clear; jobs; echo jobs $((20 + 3))');
    await tmux.shows(/\[1\]\+ +Running +sh -c .* &\s+jobs 23/);
    tmux.enter('clear; fg');
    await tmux.shows(/^sh -c .* 1000"$/m);
    tmux.press('C-c');
    await tmux.shows(/\^C\s+guest\$/);
    tmux.enter('echo status $?');
    await tmux.shows(/^status 130$/m);
    tmux.enter('sh -c "echo up; cat"');
    await tmux.shows(/^up$/m);
    tmux.press('C-\\');
    await tmux.shows(/\^\\Quit/);
  });

  it('follows the window', async () => {
    tmux.enter("clear; trap 'stty size' WINCH; stty size");
    await tmux.shows(/^24 80$/m);
    tmux.resize(100, 40);
    tmux.press('Enter');
    await tmux.shows(/40 100$/m);
    tmux.enter('trap - WINCH; seq 1000 | less');
    await tmux.shows(/^39\n:/m);
    tmux.resize(90, 30);
    await tmux.shows(/^29\n:/m);
    tmux.press('G');
    await tmux.shows(/^1000\n\(END\)/m);
    tmux.press('q');
    tmux.resize(80, 24);
  });

  it('loses nothing of what is pasted', async () => {
    const text =
      Array.from({ length: 5000 }, (_, i) => `line ${i} of the text`)
        .join('\r')
        .slice(0, 100_000) + '\r';
    tmux.enter(`clear; stty -echo; echo go $((20 + 3)); head -c ${text.length} | md5sum; stty echo`);
    await tmux.shows(/^go 23$/m);
    tmux.paste(text);
    await tmux.shows(new RegExp(md5(text.replaceAll('\r', '\n'))));
    tmux.enter(`clear; stty raw -echo; echo raw $((20 + 3)); head -c ${text.length} | md5sum; stty sane`);
    await tmux.shows(/^raw 23$/m);
    tmux.paste(text);
    await tmux.shows(new RegExp(md5(text)));
  });

  it('gives the terminal back when the program ends', async () => {
    await tmux.settingsHave('-isig');
    tmux.enter('exit 7');
    await tmux.settingsHave('isig');
    tmux.enter('echo status $?');
    await tmux.shows(/^status 7$/m);
  });

  it('gives the terminal back when it is ended', async () => {
    await host();
    tmux.enter(command('sh -c "echo there; cat"'));
    await tmux.shows(/^there$/m);
    await tmux.settingsHave('-isig');
    process.kill(culmPid(), 'SIGTERM');
    await tmux.settingsHave('isig');
    await tmux.shows(/host\$ *\n*$/);
  });

  it('gives the terminal back when it fails', async () => {
    await host();
    writeFileSync(crash, `process.on('SIGUSR2', () => { throw new Error('it has crashed') })`);
    tmux.enter(command('sh -c "echo there; cat"', `--import=${crash}`));
    await tmux.shows(/^there$/m);
    await tmux.settingsHave('-isig');
    process.kill(culmPid(), 'SIGUSR2');
    await tmux.settingsHave('isig');
    await tmux.shows(/it has crashed/);
  });

  it('gives the terminal back while it is stopped', async () => {
    await host();
    tmux.enter(command('sh -c "echo there; read line; echo read \\$line"').replace("sh -c '", "bash -c '"));
    await tmux.shows(/^there$/m);
    await tmux.settingsHave('-isig');
    process.kill(culmPid(), 'SIGTSTP');
    await tmux.settingsHave('isig');
    await tmux.shows(/Stopped/);
    tmux.resize(70, 24);
    tmux.enter('clear; fg');
    await tmux.settingsHave('-isig');
    tmux.enter('again');
    await tmux.shows(/^read again$/m);
    await tmux.settingsHave('isig');
  });

  it('tells the program when the terminal is gone', async () => {
    await host();
    tmux.enter(command(`bash -c "echo there; trap : HUP; cat"`));
    await tmux.shows(/^there$/m);
    const pid = culmPid();
    tmux.kill();
    const gone = (): boolean => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    };
    await until('the end of Culm', gone, () => String(pid));
  });
});
