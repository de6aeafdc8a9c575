/** Files of the application's own making, files in memory, and a look at what a program left: `node build/examples/files.js`. */
import { Sandbox, type AppFiles } from '../src/index.js';

const greetings: Record<string, string> = { 'hello.txt': 'hello\n', 'goodbye.txt': 'goodbye\n' };
const files: AppFiles = {
  stat: (path) => {
    if (path === '') return { type: 'directory', size: 0 };
    const text = greetings[path];
    return text === undefined ? null : { type: 'file', size: text.length };
  },
  list: () => Object.keys(greetings),
  read: (path) => greetings[path] ?? '',
};

await using sandbox = await Sandbox.create({
  rootfs: '/',
  mounts: [{ type: 'app', target: '/greetings', files }],
});
await sandbox.fs.write('/tmp/order', 'hello.txt\n');
const { stdoutText } = await sandbox.exec(['/bin/cat', '/greetings/hello.txt', '/greetings/goodbye.txt']);
console.log(stdoutText, await sandbox.fs.list('/greetings'), await sandbox.fs.readText('/tmp/order'));
