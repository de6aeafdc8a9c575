/** /proc/<pid>/{mounts,mountinfo,mountstats} (proc(5)). */
import type { Location, Mount } from '../types.js';
import { file } from '../pseudo/row.js';
import type { Row } from '../pseudo/row.js';
import type { TaskSubject } from './task.js';
import { escapePath } from './text.js';

/** statvfs's mount flags, as mount(8) spells them (linux/mount.h). */
const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [2, 'nosuid'],
  [4, 'nodev'],
  [8, 'noexec'],
  [16, 'sync'],
  [1024, 'noatime'],
  [2048, 'nodiratime'],
  [1 << 21, 'relatime'],
];
const MS_RDONLY = 1;

function options(mount: Mount): string {
  const names = FLAG_NAMES.filter(([bit]) => (mount.flags & bit) !== 0).map(([, name]) => name);
  return [(mount.flags & MS_RDONLY) !== 0 ? 'ro' : 'rw', ...names].join(',');
}

/** Where a mount is seen from the process's root, or null when it lies outside. */
function placeOf(task: TaskSubject, mount: Mount): string | null {
  const place: Location = { mount, dentry: mount.root };
  const path = task.kernel.path(place, task.process.root);
  return path.startsWith('(unreachable)') ? null : escapePath(path);
}

function seen(task: TaskSubject): { mount: Mount; path: string }[] {
  return task.kernel.mounts().flatMap((mount) => {
    const path = placeOf(task, mount);
    return path === null ? [] : [{ mount, path }];
  });
}

function mounts(task: TaskSubject): string {
  const line = ({ mount, path }: { mount: Mount; path: string }) =>
    `${mount.fs.type} ${path} ${mount.fs.type} ${options(mount)} 0 0\n`;
  return seen(task).map(line).join('');
}

function mountinfo(task: TaskSubject): string {
  const line = ({ mount, path }: { mount: Mount; path: string }) => {
    const { dev, type } = mount.fs;
    const device = `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
    const parent = mount.parent?.mount.id ?? mount.id;
    const whole = (mount.flags & MS_RDONLY) !== 0 ? 'ro' : 'rw';
    return `${mount.id} ${parent} ${device} / ${path} ${options(mount)} - ${type} ${type} ${whole}\n`;
  };
  return seen(task).map(line).join('');
}

function mountstats(task: TaskSubject): string {
  return seen(task)
    .map(({ mount, path }) => `device ${mount.fs.type} mounted on ${path} with fstype ${mount.fs.type}\n`)
    .join('');
}

const changes = ({ kernel }: TaskSubject) => kernel.mountChanges();

export const mountRows: readonly Row<TaskSubject>[] = [
  file('mountinfo', mountinfo, { changes }),
  file('mounts', mounts, { changes }),
];

/** What a process has as a whole. */
export const mountstatsRow: Row<TaskSubject> = file('mountstats', mountstats, { mode: 0o400 });
