import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { BufferSource, ok } from '../../../../test/support/fs.js';
import { Tree, readAll } from '../../../../test/support/tree.js';
import { O_RDONLY, O_RDWR, O_WRONLY } from '../../abi/fcntl.js';
import { S_IFCHR } from '../../abi/stat.js';
import { EACCES, EINVAL, EIO, ELOOP, ENOENT, EPERM, ESRCH, ENXIO } from '../../errno.js';
import { releaseHandle } from '../handle.js';
import { open } from '../open.js';
import { seek } from '../seek.js';
import type { Handle } from '../types.js';
import { mkdir } from '../create.js';
import { TmpFs } from '../tmpfs/tmpfs.js';
import { CLOCK, FakeFrames } from '../../../../test/support/fs.js';
import { Nodes } from './nodes.js';
import { PseudoFs } from './pseudofs.js';
import { constant, data, device, dir, family, file, link, parseNumber } from './row.js';
import type { DirRow } from './row.js';

const PATTERN = Buffer.from('abcdef');

interface Pet {
  name: string;
  alive: boolean;
}
interface World {
  pets: Map<number, Pet>;
  loads: number;
  setting: string;
  sunny: boolean;
}

const pets = {
  find: ({ pets: all }: World, name: string) => all.get(parseNumber(name)) ?? null,
  list: ({ pets: all }: World) => [...all.keys()].sort((a, b) => a - b).map(String),
  order: Number,
};

function rows(): DirRow<World> {
  return dir('', [
    constant('version', 7),
    file('loads', (world) => `${++world.loads}\n`),
    file('setting', (world) => world.setting, {
      save(world, bytes) {
        const text = Buffer.from(bytes).toString('latin1').trim();
        if (text === 'bad') return EINVAL;
        world.setting = `${text}\n`;
        return 0;
      },
    }),
    file('weather', 'sunny\n', { exists: ({ sunny }) => sunny }),
    link('self', '1'),
    device('null', { type: S_IFCHR, major: 1, minor: 3 }, () => ENXIO),
    dir('deep', [dir('er', [constant('x', 1)])]),
    family(
      pets,
      dir('', [file('name', ({ name }) => `${name}\n`), dir('toys', [constant('ball', 'red')])], {
        owner: (pet: Pet) => ({ uid: pet.name.length, gid: 5 }),
      }),
    ),
  ]);
}

let world: World;
let nodes: Nodes;
let pseudo: PseudoFs<World>;
let tree: Tree;

beforeEach(() => {
  world = { pets: new Map([[1, { name: 'cat', alive: true }]]), loads: 0, setting: 'on\n', sunny: false };
  nodes = new Nodes();
  const realtime = () => undefined;
  pseudo = new PseudoFs({ type: 'test', magic: 1, dev: 3, nodes, root: rows(), subject: world, realtime });
  tree = new Tree(pseudo);
});

function writeTo(path: string, text: string, flags = O_WRONLY): number {
  const handle = tree.open(path, flags);
  if (typeof handle === 'number') return handle;
  const result = handle.ops.write(handle, new BufferSource(text), 0);
  releaseHandle(handle);
  return result;
}

describe('names', () => {
  test('fixed, optional and dynamic ones are found and listed', () => {
    assert.equal(tree.read('/version'), '7\n');
    assert.equal(tree.read('/weather'), ENOENT);
    assert.equal(tree.read('/1/name'), 'cat\n');
    assert.equal(tree.read('/2/name'), ENOENT);
    assert.equal(tree.read('/01/name'), ENOENT, 'only canonical numbers');
    const listed = (tree.list('/') as string[]).map((line) => line.split(':').slice(0, 2).join(':'));
    assert.deepEqual(listed, ['1:4', 'deep:4', 'loads:8', 'null:2', 'self:10', 'setting:8', 'version:8']);
    world.sunny = true;
    assert.equal(tree.read('/weather'), 'sunny\n');
    assert.equal((tree.list('/') as string[]).length, 8);
  });

  test('vanish with their subject, and mean the new one when it comes back', () => {
    const before = ok(tree.inode('/1'));
    world.pets.delete(1);
    assert.equal(tree.inode('/1'), ENOENT);
    world.pets.set(1, { name: 'puma', alive: true });
    assert.notEqual(tree.inode('/1'), before);
    assert.equal(tree.read('/1/name'), 'puma\n');
  });

  test('numbers are stable and differ', () => {
    world.pets.set(2, { name: 'dog', alive: true });
    const paths = ['', '/version', '/1', '/2', '/1/name', '/2/name', '/1/toys', '/2/toys/ball', '/deep/er/x'];
    const numbers = paths.map((path) => ok(tree.inode(path)).ino);
    assert.equal(new Set(numbers).size, paths.length);
    assert(numbers.every((number) => Number.isSafeInteger(number) && number > 0));
    const listed = tree.list('/1') as string[];
    assert(listed.includes(`name:8:${ok(tree.inode('/1/name')).ino}`));
    const again = new PseudoFs({
      type: 'test',
      magic: 1,
      dev: 3,
      nodes: new Nodes(),
      root: rows(),
      subject: world,
      realtime: () => undefined,
    });
    assert.equal(ok(new Tree(again).inode('/2/toys/ball')).ino, numbers[7]);
  });

  test('attributes: types, permissions, owners that come from the family, link counts', () => {
    const stat = (path: string) => {
      const inode = ok(tree.inode(path));
      return [inode.mode.toString(8), inode.uid, inode.gid, inode.nlink];
    };
    assert.deepEqual(stat('/'), ['40555', 0, 0, 4]);
    assert.deepEqual(stat('/version'), ['100444', 0, 0, 1]);
    assert.deepEqual(stat('/setting'), ['100644', 0, 0, 1]);
    assert.deepEqual(stat('/self'), ['120777', 0, 0, 1]);
    assert.deepEqual(stat('/1'), ['40555', 3, 5, 3]);
    assert.deepEqual(stat('/1/toys/ball'), ['100444', 3, 5, 1]);
    assert.equal(ok(tree.inode('/null')).rdev, 0x103);
  });

  test('nothing can be made, removed or changed', () => {
    const start = tree.context.root;
    assert.equal(mkdir(tree.context, start, '/x', 0o755), EPERM);
    assert.equal(tree.unlink('/version'), EPERM);
    assert.equal(tree.chmod('/version', 0o777), EPERM);
    assert.equal(tree.open('/self', 0o400000), ELOOP);
  });

  test('a directory entry that goes while it is listed is left out', () => {
    world.pets.set(2, { name: 'dog', alive: true });
    const handle = ok(tree.open('/'));
    const names: string[] = [];
    const one = () => {
      let taken = 0;
      handle.ops.readdir?.(handle, ({ name }) => taken++ === 0 && names.push(name) > 0);
    };
    one();
    world.pets.delete(2);
    for (let i = 0; i < 12; i++) one();
    assert.equal(names.includes('2'), false);
    assert.equal(new Set(names).size, names.length);
    assert(names.includes('1'));
  });

  test('a listing goes on behind a name’s place, whatever has come and gone', () => {
    for (const pet of [3, 5, 7]) world.pets.set(pet, { name: 'pet', alive: true });
    const listed = (handle: Handle, count: number): string[] => {
      const names: string[] = [];
      handle.ops.readdir?.(handle, ({ name }) => names.length < count && names.push(name) > 0);
      return names;
    };
    const handle = ok(tree.open('/'));
    const fixed = listed(handle, 100).length - 4;
    handle.position = 0;
    assert.deepEqual(listed(handle, fixed + 2).slice(-2), ['1', '3']);
    const place = handle.position;
    world.pets.delete(1);
    world.pets.delete(3);
    world.pets.set(2, { name: 'late', alive: true });
    world.pets.set(6, { name: 'new', alive: true });
    assert.deepEqual(listed(handle, 100), ['5', '6', '7']);
    handle.position = place;
    assert.deepEqual(listed(handle, 100), ['5', '6', '7']);
  });

  test('rows may ask more than the permission bits, or less', () => {
    const none = () => EACCES;
    const more: DirRow<World> = dir('', [
      file('locked', 'x', { access: none }),
      link('nowhere', 'locked', { access: none }),
      dir('open', [file('inner', 'y')], { mode: 0, permission: () => 0 }),
      dir('settings', [constant('fixed', 1), file('free', 'z', { save: () => 0 })], { strict: true }),
      data('raw', 0o600, () => ({
        seekable: true,
        read: (_handle, sink, at) => sink.put(PATTERN, at, at + 2),
        write: () => 5,
      })),
    ]);
    const realtime = () => undefined;
    const fs = new PseudoFs({
      type: 'test',
      magic: 1,
      dev: 4,
      nodes,
      root: more,
      subject: world,
      realtime,
      proc: true,
    });
    const other = new Tree(fs);
    assert.equal(other.read('/locked'), EACCES);
    assert.equal(fs.readlink(ok(other.inode('/nowhere'))), EACCES);
    const user = { ...other.context, cred: { ...other.context.cred, euid: 7, fsuid: 7 } };
    const asUser = (path: string) => open(user, user.root, path, { flags: O_RDONLY, mode: 0 });
    assert(typeof asUser('/open/inner') !== 'number');
    assert.equal(asUser('/raw'), EACCES);
    assert.equal(other.open('/settings/fixed', O_WRONLY), EACCES);
    assert(typeof other.open('/settings/free', O_WRONLY) !== 'number');
    const raw = ok(other.open('/raw', O_RDWR));
    assert.equal(readAll(raw, 1).slice(0, 2), 'bc');
    assert.equal(
      other.open('/new', O_WRONLY | 0o100),
      ENOENT,
      'a name that is not there is no place for a new one',
    );
    const locked = ok(other.open('/open/inner'));
    assert.equal(seek(locked, 0, 2), EINVAL);
  });

  test('mounts stand below names that do not exist', () => {
    const at = tree.vfs.mountPoint('/deep/nested/dirs', 'directory');
    assert(typeof at !== 'number');
    const tmpfs = new TmpFs({ memory: new FakeFrames(), clock: CLOCK, dev: 8 });
    assert(typeof tree.vfs.mount(tmpfs, at, 0) !== 'number');
    assert.equal(tree.write('/deep/nested/dirs/f', 'x'), 1);
    assert.equal(tree.read('/deep/nested/dirs/f'), 'x');
  });
});

describe('content', () => {
  test('is loaded at open and stays with the handle', () => {
    const handle = ok(tree.open('/loads'));
    const second = ok(tree.open('/loads'));
    assert.equal(readAll(handle, 0), '1\n');
    assert.equal(readAll(second, 0), '2\n');
    assert.equal(readAll(handle, 1), '\n');
    assert.equal(readAll(handle, 100), '');
  });

  test('is loaded anew when it is read from the start again', () => {
    const handle = ok(tree.open('/loads'));
    assert.equal(readAll(handle, 0), '1\n');
    assert.equal(readAll(handle, 2), '');
    assert.equal(readAll(handle, 0), '2\n');
    assert.equal(world.loads, 2);
  });

  test('outlives its subject', () => {
    const handle = ok(tree.open('/1/name'));
    const unread = ok(tree.open('/1/name'));
    assert.equal(readAll(handle, 0), 'cat\n');
    world.pets.delete(1);
    assert.equal(readAll(handle, 0), 'cat\n');
    assert.equal(readAll(unread, 0), 'cat\n');
    const directory = tree.open('/1');
    assert.equal(directory, ENOENT);
  });

  test('one write is one save, and its error is the write\u2019s', () => {
    assert.equal(writeTo('/setting', 'off\n'), 4);
    assert.equal(world.setting, 'off\n');
    assert.equal(writeTo('/setting', 'bad'), EINVAL);
    assert.equal(world.setting, 'off\n');
    const handle = ok(tree.open('/setting', O_RDWR));
    assert.equal(readAll(handle), 'off\n');
    assert.equal(handle.ops.write(handle, new BufferSource('third'), 0), 5);
    assert.equal(readAll(handle), 'third\n');
  });

  test('a file that cannot be saved refuses writes, opening it with truncation does not', () => {
    assert.equal(writeTo('/version', 'x'), EIO);
    assert.equal(writeTo('/version', 'x', O_WRONLY | 0o1000), EIO);
    assert.equal(writeTo('/setting', 'y', O_WRONLY | 0o1000), 1);
    assert.equal(tree.read('/version'), '7\n');
  });

  test('a strict filesystem refuses to open it', () => {
    const strict = new PseudoFs({
      type: 'test',
      magic: 1,
      dev: 3,
      nodes: new Nodes(),
      root: rows(),
      subject: world,
      realtime: () => undefined,
      strict: true,
      fileSize: 4096,
    });
    const other = new Tree(strict);
    assert.equal(other.open('/version', O_WRONLY), EACCES);
    assert.equal(ok(other.inode('/version')).size, 4096);
    assert.equal(typeof other.open('/setting', O_WRONLY), 'object');
  });

  test('saving for a subject that has gone is ESRCH', () => {
    const writable = dir<World>('', [
      family(
        pets,
        file('', ({ name }: Pet) => name, { save: () => 0 }),
      ),
    ]);
    const fs = new PseudoFs({
      type: 'test',
      magic: 1,
      dev: 3,
      nodes,
      root: writable,
      subject: world,
      realtime: () => undefined,
    });
    const other = new Tree(fs);
    const handle = ok(other.open('/1', O_WRONLY));
    world.pets.delete(1);
    assert.equal(handle.ops.write(handle, new BufferSource('x'), 0), ESRCH);
  });
});

describe('nodes', () => {
  test('are numbered in order of creation and found by number', () => {
    const inode = ok(tree.inode('/1/toys/ball'));
    const node = inode.data as { number: number };
    assert.equal(nodes.byNumber(node.number), node);
    const parent = ok(tree.inode('/1/toys'));
    const restored = ok(pseudo.restore(node.number, parent, 'ball'));
    assert.equal(restored.ino, inode.ino);
    assert.equal(pseudo.restore(node.number, parent, 'other'), ENOENT);
    assert.equal(pseudo.restore(0, null, ''), pseudo.root());
    assert.equal(tree.open('/1/toys/ball', O_RDONLY) === ENOENT, false);
  });

  test('have a digest that shows every difference', () => {
    const digestOf = (root: DirRow<World>) => {
      const made = new Nodes();
      made.tree(root);
      return made.digest();
    };
    const base = digestOf(rows());
    assert.match(base, /^[0-9a-f]{16}$/);
    assert.equal(digestOf(rows()), base);
    const changed = [
      dir<World>('', [...rows().rows, constant('more', 1)]),
      dir<World>('', [...rows().rows].reverse()),
      dir<World>('', [constant('version!', 7), ...rows().rows.slice(1)]),
      dir<World>('', [constant('version', 7, { mode: 0o400 }), ...rows().rows.slice(1)]),
    ];
    assert.equal(new Set([base, ...changed.map(digestOf)]).size, 5);
  });

  test('an application can add some', () => {
    const deep = pseudo.node('/deep/er');
    assert(deep);
    const before = nodes.digest();
    assert.equal(nodes.add(deep, file('added', 'mine\n')), true);
    assert.equal(nodes.add(deep, constant('x', 2)), false, 'the name is taken');
    assert.equal(tree.read('/deep/er/added'), 'mine\n');
    assert.equal(tree.read('/deep/er/x'), '1\n');
    assert.notEqual(nodes.digest(), before);
  });
});
