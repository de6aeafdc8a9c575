import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { TCP_CLOSE, TCP_LISTEN } from '../states.js';
import { IP6_ANY, IP_ANY, IP_LOOPBACK } from './address.js';
import { PortTable, conflictsTcp, conflictsUdp, fit, type PortOwner } from './ports.js';

const owner = (changes: Partial<PortOwner>): PortOwner => ({
  localIp: IP_LOOPBACK,
  localPort: 80,
  state: TCP_CLOSE,
  reuseAddress: false,
  reusePort: false,
  v6only: false,
  uid: 0,
  ...changes,
});

describe('ports', () => {
  let now = 0;
  let next = 0;
  let ports: PortTable;
  const settings = { firstPort: 40_000, lastPort: 40_999 };
  beforeEach(() => {
    now = 1000;
    next = 0;
    ports = new PortTable({ nowMs: () => now, randomBelow: (limit) => next++ % limit, settings });
  });

  it('conflict by address, family and options', () => {
    const one = owner({});
    assert.ok(conflictsTcp(owner({}), one));
    assert.ok(conflictsTcp(owner({ localIp: IP_ANY }), one));
    assert.ok(!conflictsTcp(owner({ localIp: IP_LOOPBACK + 1 }), one));
    assert.ok(conflictsTcp(owner({ localIp: IP6_ANY }), one));
    assert.ok(!conflictsTcp(owner({ localIp: IP6_ANY, v6only: true }), one));
    const reused = owner({ reuseAddress: true });
    assert.ok(!conflictsTcp(owner({ reuseAddress: true }), reused));
    assert.ok(conflictsTcp(owner({ reuseAddress: true }), owner({ reuseAddress: true, state: TCP_LISTEN })));
    const shared = owner({ reusePort: true, uid: 5 });
    assert.ok(conflictsUdp(owner({ reusePort: true, uid: 6 }), shared));
    assert.ok(!conflictsUdp(owner({ reusePort: true, uid: 5 }), shared));
  });

  it('are all given before any is shared', () => {
    const given = new Set<number>();
    for (;;) {
      const localPort = ports.choose(owner({}), conflictsTcp);
      if (localPort === 0) break;
      given.add(localPort);
      ports.add(owner({ localPort }));
    }
    assert.equal(given.size, 1000);
    assert.equal(ports.choose(owner({ localIp: IP_LOOPBACK + 1 }), conflictsTcp), settings.firstPort);
  });

  it('stay taken for a minute after a connection, its ends for a second', () => {
    const over = { ...owner({}), remoteIp: IP_LOOPBACK, remotePort: 9, family: 2 };
    ports.linger(over);
    assert.ok(!ports.isFree(owner({}), 80, conflictsTcp));
    assert.ok(!ports.connect(owner({}), IP_LOOPBACK, 9));
    now += 1001;
    assert.ok(ports.connect(owner({}), IP_LOOPBACK, 9));
    ports.linger({ ...over, remotePort: 10 });
    now += 59_000;
    assert.ok(!ports.isFree(owner({}), 80, conflictsTcp));
    now += 2_000;
    assert.ok(ports.isFree(owner({}), 80, conflictsTcp));
    assert.equal(ports.lingering.length, 0);
  });

  it('go to who fits best', () => {
    assert.equal(fit(owner({ localIp: IP_LOOPBACK + 1 }), false, IP_LOOPBACK), -1);
    const exact = fit(owner({}), false, IP_LOOPBACK);
    const any = fit(owner({ localIp: IP_ANY }), false, IP_LOOPBACK);
    const six = fit(owner({ localIp: IP6_ANY }), true, IP_LOOPBACK);
    assert.ok(exact > any && any > six && six >= 0);
    assert.equal(fit(owner({ localIp: IP6_ANY, v6only: true }), true, IP_LOOPBACK), -1);
  });
});
