import type { Errno } from '../errno.js';
import { releaseHandle } from '../fs/handle.js';
import type { Handle } from '../fs/types.js';
import type { CallingProcess } from '../types.js';

/** Gives a new file, whose reference the caller had, a descriptor. */
export function installHandle(
  { files }: CallingProcess,
  handle: Handle,
  closeOnExec: boolean,
): number | Errno {
  const fd = files.install(handle, closeOnExec);
  if (fd < 0) releaseHandle(handle);
  return fd;
}
