/** pidfd_open(2), pidfd_send_signal(2) (linux/pidfd.h). */
import { O_EXCL, O_NONBLOCK } from './fcntl.js';

export const PIDFD_NONBLOCK = O_NONBLOCK;
export const PIDFD_THREAD = O_EXCL;
/** In place of a descriptor: the calling thread, the calling process. */
export const PIDFD_SELF_THREAD = -10000;
export const PIDFD_SELF_THREAD_GROUP = -10001;

export const PIDFD_SIGNAL_THREAD = 1;
export const PIDFD_SIGNAL_THREAD_GROUP = 2;
export const PIDFD_SIGNAL_PROCESS_GROUP = 4;
