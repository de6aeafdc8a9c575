/** sys.ioctl_structs and sys.allowed_ioctls: the memory that an ioctl's argument points to. */
import type { AllowedIoctl, IoctlCondition, IoctlPart } from '../sandbox/types.js';
import { readFields, string, wrong, integer, type Fail, type Kind } from './kinds.js';
import type { TomlNode } from './toml.js';

const numberOrName: Kind<number | string> = {
  name: 'an integer or the name of a part',
  read(node, fail) {
    if (node.type === 'string') return string.read(node, fail);
    return node.type === 'integer' ? integer().read(node, fail) : wrong('an integer or a name', node, fail);
  },
};

const direction: Kind<NonNullable<IoctlPart['direction']>> = {
  name: 'none, out, in or inout',
  read(node, fail) {
    const found = (['none', 'out', 'in', 'inout'] as const).find(
      (known) => node.type === 'string' && known === node.value,
    );
    return found ?? fail(node.place, 'must be one of "none", "out", "in", "inout"');
  },
};

const condition: Kind<IoctlCondition> = {
  name: 'a condition',
  read(node, fail) {
    const text = node.type === 'string' ? String(node.value) : '';
    const match = /^\s*([\w.]+)\s*(==|!=)\s*([\w.]+)\s*$/.exec(text);
    if (match === null) return fail(node.place, 'must be "a == b" or "a != b"');
    const side = (part: string): number | string => (/^(0x[0-9a-f]+|\d+)$/i.test(part) ? Number(part) : part);
    return { left: side(match[1] ?? ''), equal: match[2] === '==', right: side(match[3] ?? '') };
  },
};

const pointer: Kind<readonly IoctlPart[] | string> = {
  name: 'a struct’s name or parts in place',
  read: (node, fail) => (node.type === 'string' ? string.read(node, fail) : ioctlStruct.read(node, fail)),
};

const FIELDS = {
  name: { kind: string },
  alignment: { kind: integer(1) },
  size: { kind: numberOrName },
  unit: { kind: integer(1) },
  adjustment: { kind: integer(Number.MIN_SAFE_INTEGER) },
  direction: { kind: direction },
  ptr: { kind: pointer },
  array_len: { kind: numberOrName },
  onlyif: { kind: condition },
};

function readRegion(node: TomlNode, first: boolean, fail: Fail): IoctlPart | undefined {
  if (node.type !== 'table') return wrong('a table', node, fail);
  const read = readFields(node, FIELDS, fail, 'a part of an ioctl’s struct');
  if (read === undefined) return undefined;
  const isPointer = read.ptr !== undefined;
  if (isPointer && (read.size !== undefined || read.direction !== undefined))
    return fail(node.place, 'a pointer has neither "size" nor "direction"');
  if (!isPointer && read.array_len !== undefined) return fail(node.place, '"array_len" is only for pointers');
  if (!isPointer && read.size === undefined) return fail(node.place, 'needs "size" or "ptr"');
  if (!first && read.alignment !== undefined)
    return fail(node.place, '"alignment" is only for the first part of a region');
  return {
    name: read.name ?? null,
    alignment: read.alignment ?? 1,
    size: read.size ?? null,
    unit: read.unit ?? 1,
    adjustment: read.adjustment ?? 0,
    direction: read.direction ?? 'none',
    ptr: read.ptr ?? null,
    arrayLength: read.array_len ?? 1,
    onlyIf: read.onlyif ?? null,
  };
}

export const ioctlStruct: Kind<readonly IoctlPart[]> = {
  name: 'an array of memory parts',
  read(node, fail) {
    if (node.type !== 'array') return wrong('an array of tables', node, fail);
    const parts = node.items.map((item, index) =>
      readRegion(item, index === 0, (place, reason, key = '') => fail(place, reason, `[${index}]${key}`)),
    );
    return parts.includes(undefined) ? undefined : (parts as IoctlPart[]);
  },
};

export const allowedIoctl: Kind<AllowedIoctl> = {
  name: 'an ioctl: `request_code` and `struct`',
  read(node, fail) {
    if (node.type !== 'table') return wrong('a table', node, fail);
    const fields = {
      request_code: { kind: integer(0, 0xffffffff), required: true },
      struct: { kind: string },
    };
    const read = readFields(node, fields, fail, 'an allowed ioctl');
    return read === undefined ? undefined : { request: read.request_code ?? 0, struct: read.struct ?? '' };
  },
};
