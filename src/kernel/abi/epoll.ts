/** epoll(7) (linux/eventpoll.h). The other events have poll's values. */
import { O_CLOEXEC } from './fcntl.js';

export const EPOLL_CLOEXEC = O_CLOEXEC;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

export const EPOLLEXCLUSIVE = 0x1000_0000;
export const EPOLLWAKEUP = 0x2000_0000;
export const EPOLLONESHOT = 0x4000_0000;
export const EPOLLET = 0x8000_0000;
/** Bits that say how, not what. */
export const EP_PRIVATE_BITS = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;

/** struct epoll_event, which x86-64 packs. */
export const EPOLL_EVENT_SIZE = 12;
/** Epoll sets may watch one another this deep. */
export const EP_MAX_NESTS = 4;
/** Ways from a file up to outermost sets, by how many sets lie between; as many as one likes without any. */
export const EP_PATH_LIMITS: readonly number[] = [Infinity, 500, 100, 50, 10];
