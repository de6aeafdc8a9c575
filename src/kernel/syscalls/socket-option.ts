/** setsockopt and getsockopt (net/socket.c). */
import { SOL_SOCKET } from '../abi/socket.js';
import { EFAULT, EINVAL, type Errno } from '../errno.js';
import { getSocketOption, setSocketOption } from '../net/options.js';
import type { OptionAnswer, Socket } from '../net/socket.js';
import type { Thread } from '../process/thread.js';
import type { Args } from '../types.js';
import type { ThreadRow } from './row.js';
import { socketAt } from './socket-args.js';

/** Longer values than this are not looked at to their end. */
const OPTION_MAX = 4096;

class Answer implements OptionAnswer {
  value = new Uint8Array(0);

  int(value: number): 0 {
    this.value = new Uint8Array(Int32Array.of(value).buffer);
    return 0;
  }

  bytes(value: Uint8Array): 0 {
    this.value = new Uint8Array(value);
    return 0;
  }
}

function sysSetsockopt(thread: Thread, args: Args): number {
  const length = args.int(4);
  const socket = socketAt(thread, args.int(0));
  if (typeof socket === 'number') return socket;
  if (length < 0) return EINVAL;
  const value = new Uint8Array(Math.min(length, OPTION_MAX));
  if (thread.process.memory.copyIn(args.addr(3), value, 0, value.length) < 0) return EFAULT;
  const level = args.int(1);
  return level === SOL_SOCKET
    ? setSocketOption(socket, args.int(2), value, thread)
    : socket.setOption(level, args.int(2), value, thread);
}

function ask(socket: Socket, level: number, name: number, answer: Answer): 0 | Errno {
  return level === SOL_SOCKET ? getSocketOption(socket, name, answer) : socket.getOption(level, name, answer);
}

function sysGetsockopt(thread: Thread, args: Args): number {
  const { memory } = thread.process;
  const socket = socketAt(thread, args.int(0));
  if (typeof socket === 'number') return socket;
  const room = memory.readU32(args.addr(4));
  if (room < 0) return EFAULT;
  if (room >= 0x80000000) return EINVAL;
  const answer = new Answer();
  const failed = ask(socket, args.int(1), args.int(2), answer);
  if (failed !== 0) return failed;
  const length = Math.min(room, answer.value.length);
  if (memory.copyOut(args.addr(3), answer.value, 0, length) < 0) return EFAULT;
  return memory.writeU32(args.addr(4), length);
}

export const optionRows: readonly ThreadRow[] = [
  { number: 54, name: 'setsockopt', args: ['fd', 'int', 'int', 'buffer-in', 'int'], run: sysSetsockopt },
  { number: 55, name: 'getsockopt', args: ['fd', 'int', 'int', 'addr', 'addr'], run: sysGetsockopt },
];
