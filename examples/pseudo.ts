/** Pseudo-files and a device of the application's own: `node build/examples/pseudo.js`. */
import { Sandbox } from '../src/index.js';

let level = 3;
const events = ['started', 'level changed'];

await using sandbox = await Sandbox.create({
  rootfs: '/',
  pseudo: [
    {
      type: 'file',
      path: '/proc/app/level',
      mode: 0o644,
      read: () => `${level}\n`,
      write(content) {
        const wanted = Number(new TextDecoder().decode(content));
        if (!Number.isInteger(wanted)) throw Object.assign(new Error('no level'), { code: 'EINVAL' });
        level = wanted;
      },
    },
    {
      type: 'directory',
      path: '/proc/app/users',
      list: () => ['ann', 'bob'],
      read: (name) => `user ${name}\n`,
    },
    { type: 'device', path: '/dev/events', major: 240, minor: 0, read: () => `${events.shift() ?? ''}` },
  ],
});
const script =
  'cat /proc/app/level; echo 7 > /proc/app/level; grep . /proc/app/users/*; cat /dev/events; ls -l /dev/events';
const { stdoutText } = await sandbox.exec(['/bin/sh', '-c', script]);
console.log(stdoutText, level, await sandbox.pseudo.digest());
