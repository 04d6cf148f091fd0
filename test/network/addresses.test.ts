/** The machine that an address stands for, whatever its port and transport. */
import { multiaddr } from '@multiformats/multiaddr';
import t from 'tap';
import { hostOf } from '../../src/network/libp2p/addresses.js';

t.test('the host of an address of each kind; one without a host is its own', async (t) => {
  for (const [address, host] of [
    ['/ip4/192.168.0.7/tcp/4001', '192.168.0.7'],
    ['/ip6/fe80::1/tcp/1', 'fe80::1'],
    ['/dns4/a.example/tcp/443', 'a.example'],
    ['/dnsaddr/b.example', 'b.example'],
    ['/memory/7', '/memory/7'],
  ] as const) {
    t.equal(hostOf(multiaddr(address)), host, address);
  }
});
