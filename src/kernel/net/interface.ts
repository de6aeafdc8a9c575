/** The only network interface, `lo`, and the ioctls that ask for it (netdevice(7)). */
import {
  SIOCGIFADDR,
  SIOCGIFBRDADDR,
  SIOCGIFCONF,
  SIOCGIFDSTADDR,
  SIOCGIFFLAGS,
  SIOCGIFHWADDR,
  SIOCGIFINDEX,
  SIOCGIFMETRIC,
  SIOCGIFMTU,
  SIOCGIFNAME,
  SIOCGIFNETMASK,
  SIOCGIFTXQLEN,
} from '../abi/socket.js';
import { EFAULT, ENODEV, ENOTTY, type Errno } from '../errno.js';
import type { UserMemory } from '../fs/types.js';
import { AF_INET } from '../abi/socket.js';

export const LOOPBACK = {
  index: 1,
  name: 'lo',
  mtu: 65536,
  /** ARPHRD_LOOPBACK. */
  hardwareType: 772,
  /** IFF_UP, IFF_LOOPBACK, IFF_RUNNING, and for netlink IFF_LOWER_UP. */
  flags: 0x49,
  lowerUp: 0x10000,
  queueLength: 1000,
} as const;

const IFNAMSIZ = 16;
/** sizeof(struct ifreq). */
const IFREQ = 40;

/** Fills the union of struct ifreq, which begins behind the name. */
type Fill = (view: DataView) => void;

const ANSWERS: ReadonlyMap<number, Fill> = new Map<number, Fill>([
  [SIOCGIFFLAGS, (view) => view.setInt16(IFNAMSIZ, LOOPBACK.flags, true)],
  [SIOCGIFADDR, (view) => putAddress(view, 0x7f000001)],
  [SIOCGIFDSTADDR, (view) => putAddress(view, 0x7f000001)],
  [SIOCGIFBRDADDR, (view) => putAddress(view, 0)],
  [SIOCGIFNETMASK, (view) => putAddress(view, 0xff000000)],
  [SIOCGIFMETRIC, (view) => view.setInt32(IFNAMSIZ, 0, true)],
  [SIOCGIFMTU, (view) => view.setInt32(IFNAMSIZ, LOOPBACK.mtu, true)],
  [SIOCGIFINDEX, (view) => view.setInt32(IFNAMSIZ, LOOPBACK.index, true)],
  [SIOCGIFTXQLEN, (view) => view.setInt32(IFNAMSIZ, LOOPBACK.queueLength, true)],
  [
    SIOCGIFHWADDR,
    (view) => {
      clear(view);
      view.setUint16(IFNAMSIZ, LOOPBACK.hardwareType, true);
    },
  ],
]);

function clear(view: DataView): void {
  new Uint8Array(view.buffer).fill(0, IFNAMSIZ, IFNAMSIZ + 16);
}

function putAddress(view: DataView, ip: number): void {
  clear(view);
  view.setUint16(IFNAMSIZ, AF_INET, true);
  view.setUint32(IFNAMSIZ + 4, ip, false);
}

function putName(bytes: Uint8Array): void {
  bytes.fill(0, 0, IFNAMSIZ);
  for (let i = 0; i < LOOPBACK.name.length; i++) bytes[i] = LOOPBACK.name.charCodeAt(i);
}

/** An ioctl on an Internet socket; ENOTTY when it is none about interfaces. */
export function interfaceIoctl(request: number, arg: number, user: UserMemory): number | Errno {
  if (request === SIOCGIFCONF) return listInterfaces(arg, user);
  const fill = ANSWERS.get(request);
  if (fill === undefined && request !== SIOCGIFNAME) return ENOTTY;
  const bytes = new Uint8Array(IFREQ);
  if (user.copyIn(arg, bytes, 0, IFREQ) < 0) return EFAULT;
  const view = new DataView(bytes.buffer);
  if (fill === undefined) {
    if (view.getInt32(IFNAMSIZ, true) !== LOOPBACK.index) return ENODEV;
    putName(bytes);
  } else {
    const [name] = String.fromCharCode(...bytes.subarray(0, IFNAMSIZ - 1)).split('\0');
    // A label of an alias is its interface's.
    if (name.split(':')[0] !== LOOPBACK.name) return ENODEV;
    fill(view);
  }
  return user.copyOut(arg, bytes, 0, IFREQ);
}

/** SIOCGIFCONF: struct ifconf says where a struct ifreq for each interface goes. */
function listInterfaces(arg: number, user: UserMemory): 0 | Errno {
  const head = new Uint8Array(16);
  if (user.copyIn(arg, head, 0, 16) < 0) return EFAULT;
  const conf = new DataView(head.buffer);
  const room = conf.getInt32(0, true);
  const addr = conf.getUint32(8, true) + conf.getUint32(12, true) * 0x100000000;
  const fits = addr === 0 || room >= IFREQ;
  if (addr !== 0 && fits) {
    const bytes = new Uint8Array(IFREQ);
    putName(bytes);
    putAddress(new DataView(bytes.buffer), 0x7f000001);
    if (user.copyOut(addr, bytes, 0, IFREQ) < 0) return EFAULT;
  }
  return user.writeU32(arg, fits ? IFREQ : 0);
}
