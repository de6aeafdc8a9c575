/** Terminals through the API: their size and its changes, much input and output, signals by keys, the end of the keys. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Sandbox, type SandboxProcess } from '../../src/index.js';

const LIMIT_MS = 120_000;
const terminal = { columns: 80, rows: 24 };

/** What a program shows, and what it is told. */
class Person {
  shown = '';
  private readonly reader;
  private readonly writer;
  private readonly decoder = new TextDecoder();

  constructor(readonly program: SandboxProcess) {
    this.reader = program.stdout.getReader();
    this.writer = program.stdin.getWriter();
  }

  async until(text: string): Promise<void> {
    while (!this.shown.includes(text)) {
      const { done, value } = await this.reader.read();
      if (done) throw new Error(`the end before ${text}: ${this.shown}`);
      this.shown += this.decoder.decode(value, { stream: true });
    }
    this.shown = this.shown.slice(this.shown.indexOf(text) + text.length);
  }

  /** All that comes until the end; returns how much. */
  async rest(): Promise<number> {
    let length = this.shown.length;
    for (let next = await this.reader.read(); !next.done; next = await this.reader.read())
      length += next.value.length;
    return length;
  }

  type(text: string): Promise<void> {
    return this.writer.write(new TextEncoder().encode(text));
  }
  hangUp(): Promise<void> {
    return this.writer.close();
  }
}

for (const thread of ['caller', 'worker'] as const)
  describe(`a terminal for a program, kernel in the ${thread}`, { timeout: LIMIT_MS }, () => {
    let sandbox: Sandbox;
    before(async () => {
      sandbox = await Sandbox.create({ rootfs: '/', thread });
    });
    after(() => sandbox.dispose());

    const start = async (script: string): Promise<Person> =>
      new Person(await sandbox.spawn(['bash', '-c', script], { terminal }));

    it('has a size, which changes', async () => {
      const person = await start(
        "trap 'stty size; exit 3' WINCH; stty size; echo $TERM; while :; do sleep 0.01; done",
      );
      await person.until('24 80\r\nxterm');
      await person.program.resize(132, 50);
      await person.until('50 132\r\n');
      assert.equal((await person.program.exit).status, 3);
    });

    it('takes as much input as is given', async () => {
      const text = 'all of this is pasted\r'.repeat(5000);
      const person = await start(`stty raw -echo; echo up; head -c ${text.length} | md5sum; echo done`);
      await person.until('up');
      await person.type(text);
      await person.until('00b44e156befd098a8aac05c66b9c2f5');
      await person.until('done');
    });

    it('ends endless output by a key', async () => {
      const person = await start('yes');
      await person.until('y\r\ny\r\n');
      await person.type('\x03');
      assert.ok((await person.rest()) < 10_000_000);
      assert.deepEqual(await person.program.exit, { status: 130, signal: 2 });
    });

    it('is hung up when there will be no more keys', async () => {
      const person = await start("trap 'exit 9' HUP; echo up; read x; while :; do sleep 0.01; done");
      await person.until('up');
      await person.hangUp();
      assert.equal((await person.program.exit).status, 9);
    });

    it('belongs to the program’s session', async () => {
      const person = await start('ps -o tty= -p $$; [ $(ps -o sid= -p $$) = $$ ] && echo leader < /dev/tty');
      await person.until('pts/');
      await person.until('leader');
    });
  });
