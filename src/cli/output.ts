/** Standard output and standard error of this process. */
import { writeSync } from 'node:fs';

/**
 * Gives bytes to a descriptor at once, as process.stdout does, too, but without loading all that makes a stream. A
 * descriptor that will not take them at once (somebody has made it non-blocking) gets them by its stream from then on.
 */
export function outputTo(fd: 1 | 2): (bytes: Uint8Array) => boolean | Promise<boolean> {
  // Elsewhere pipes are not written to at once.
  let stream = process.platform === 'win32' ? streamOf(fd) : null;
  return (bytes) => {
    if (stream !== null) return writeTo(stream, bytes);
    const written = writeNow(fd, bytes);
    if (written < 0) return false;
    if (written === bytes.length) return true;
    stream = streamOf(fd);
    return writeTo(stream, bytes.subarray(written));
  };
}

/** How many bytes could be written; negative if none ever can. */
function writeNow(fd: number, bytes: Uint8Array): number {
  let at = 0;
  try {
    while (at < bytes.length) at += writeSync(fd, bytes, at);
    return at;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? at : -1;
  }
}

function streamOf(fd: 1 | 2): NodeJS.WriteStream {
  const stream = fd === 1 ? process.stdout : process.stderr;
  // What has failed is told to those who write.
  stream.on('error', () => undefined);
  return stream;
}

function writeTo(stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    stream.write(bytes, (error) => resolve(error === null || error === undefined));
  });
}
