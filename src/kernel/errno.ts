/**
 * Linux's error numbers (errno(3), asm-generic/errno.h), negative as system calls return them. A function that can fail
 * returns what it found or an Errno: `const d = lookup(...); if (typeof d === 'number') return d;`.
 */
declare const errnoBrand: unique symbol;
export type Errno = number & { readonly [errnoBrand]: true };

export const EPERM = -1 as Errno;
export const ENOENT = -2 as Errno;
export const ESRCH = -3 as Errno;
export const EINTR = -4 as Errno;
export const EIO = -5 as Errno;
export const ENXIO = -6 as Errno;
export const E2BIG = -7 as Errno;
export const ENOEXEC = -8 as Errno;
export const EBADF = -9 as Errno;
export const ECHILD = -10 as Errno;
export const EAGAIN = -11 as Errno;
export const ENOMEM = -12 as Errno;
export const EACCES = -13 as Errno;
export const EFAULT = -14 as Errno;
export const ENOTBLK = -15 as Errno;
export const EBUSY = -16 as Errno;
export const EEXIST = -17 as Errno;
export const EXDEV = -18 as Errno;
export const ENODEV = -19 as Errno;
export const ENOTDIR = -20 as Errno;
export const EISDIR = -21 as Errno;
export const EINVAL = -22 as Errno;
export const ENFILE = -23 as Errno;
export const EMFILE = -24 as Errno;
export const ENOTTY = -25 as Errno;
export const ETXTBSY = -26 as Errno;
export const EFBIG = -27 as Errno;
export const ENOSPC = -28 as Errno;
export const ESPIPE = -29 as Errno;
export const EROFS = -30 as Errno;
export const EMLINK = -31 as Errno;
export const EPIPE = -32 as Errno;
export const EDOM = -33 as Errno;
export const ERANGE = -34 as Errno;
export const EDEADLOCK = -35 as Errno;
export const ENAMETOOLONG = -36 as Errno;
export const ENOLCK = -37 as Errno;
export const ENOSYS = -38 as Errno;
export const ENOTEMPTY = -39 as Errno;
export const ELOOP = -40 as Errno;
export const ENOMSG = -42 as Errno;
export const EIDRM = -43 as Errno;
export const ECHRNG = -44 as Errno;
export const EL2NSYNC = -45 as Errno;
export const EL3HLT = -46 as Errno;
export const EL3RST = -47 as Errno;
export const ELNRNG = -48 as Errno;
export const EUNATCH = -49 as Errno;
export const ENOCSI = -50 as Errno;
export const EL2HLT = -51 as Errno;
export const EBADE = -52 as Errno;
export const EBADR = -53 as Errno;
export const EXFULL = -54 as Errno;
export const ENOANO = -55 as Errno;
export const EBADRQC = -56 as Errno;
export const EBADSLT = -57 as Errno;
export const EBFONT = -59 as Errno;
export const ENOSTR = -60 as Errno;
export const ENODATA = -61 as Errno;
export const ETIME = -62 as Errno;
export const ENOSR = -63 as Errno;
export const ENONET = -64 as Errno;
export const ENOPKG = -65 as Errno;
export const EREMOTE = -66 as Errno;
export const ENOLINK = -67 as Errno;
export const EADV = -68 as Errno;
export const ESRMNT = -69 as Errno;
export const ECOMM = -70 as Errno;
export const EPROTO = -71 as Errno;
export const EMULTIHOP = -72 as Errno;
export const EDOTDOT = -73 as Errno;
export const EBADMSG = -74 as Errno;
export const EOVERFLOW = -75 as Errno;
export const ENOTUNIQ = -76 as Errno;
export const EBADFD = -77 as Errno;
export const EREMCHG = -78 as Errno;
export const ELIBACC = -79 as Errno;
export const ELIBBAD = -80 as Errno;
export const ELIBSCN = -81 as Errno;
export const ELIBMAX = -82 as Errno;
export const ELIBEXEC = -83 as Errno;
export const EILSEQ = -84 as Errno;
export const ERESTART = -85 as Errno;
export const ESTRPIPE = -86 as Errno;
export const EUSERS = -87 as Errno;
export const ENOTSOCK = -88 as Errno;
export const EDESTADDRREQ = -89 as Errno;
export const EMSGSIZE = -90 as Errno;
export const EPROTOTYPE = -91 as Errno;
export const ENOPROTOOPT = -92 as Errno;
export const EPROTONOSUPPORT = -93 as Errno;
export const ESOCKTNOSUPPORT = -94 as Errno;
export const EOPNOTSUPP = -95 as Errno;
export const EPFNOSUPPORT = -96 as Errno;
export const EAFNOSUPPORT = -97 as Errno;
export const EADDRINUSE = -98 as Errno;
export const EADDRNOTAVAIL = -99 as Errno;
export const ENETDOWN = -100 as Errno;
export const ENETUNREACH = -101 as Errno;
export const ENETRESET = -102 as Errno;
export const ECONNABORTED = -103 as Errno;
export const ECONNRESET = -104 as Errno;
export const ENOBUFS = -105 as Errno;
export const EISCONN = -106 as Errno;
export const ENOTCONN = -107 as Errno;
export const ESHUTDOWN = -108 as Errno;
export const ETOOMANYREFS = -109 as Errno;
export const ETIMEDOUT = -110 as Errno;
export const ECONNREFUSED = -111 as Errno;
export const EHOSTDOWN = -112 as Errno;
export const EHOSTUNREACH = -113 as Errno;
export const EALREADY = -114 as Errno;
export const EINPROGRESS = -115 as Errno;
export const ESTALE = -116 as Errno;
export const EUCLEAN = -117 as Errno;
export const ENOTNAM = -118 as Errno;
export const ENAVAIL = -119 as Errno;
export const EISNAM = -120 as Errno;
export const EREMOTEIO = -121 as Errno;
export const EDQUOT = -122 as Errno;
export const ENOMEDIUM = -123 as Errno;
export const EMEDIUMTYPE = -124 as Errno;
export const ECANCELED = -125 as Errno;
export const ENOKEY = -126 as Errno;
export const EKEYEXPIRED = -127 as Errno;
export const EKEYREVOKED = -128 as Errno;
export const EKEYREJECTED = -129 as Errno;
export const EOWNERDEAD = -130 as Errno;
export const ENOTRECOVERABLE = -131 as Errno;
export const ERFKILL = -132 as Errno;
export const EWOULDBLOCK = EAGAIN;

/**
 * Beyond Linux's range, never seen by a guest: the call must wait (its thread is on wait queues) and is tried again when
 * one of them wakes.
 */
export const WAIT = -600 as Errno;
/** A signal came while the call waited: as ERESTARTSYS in Linux, EINTR or a restart, as the handler's flags say. */
export const ERESTARTSYS = -512 as Errno;
/** Always restart (ERESTARTNOINTR). */
export const ERESTARTNOINTR = -513 as Errno;
/** Restart only when no handler runs (ERESTARTNOHAND). */
export const ERESTARTNOHAND = -514 as Errno;
/** The same, by restart_syscall(2), which goes on with what is left of a sleep. */
export const ERESTART_RESTARTBLOCK = -516 as Errno;

export function isErrno(value: unknown): value is Errno {
  return typeof value === 'number' && value < 0;
}

/** A broken invariant of the kernel itself: ends the sandbox (status 125), never the embedder. */
export class KernelBug extends Error {
  override readonly name = 'KernelBug';
}
