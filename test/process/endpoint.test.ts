/** Where a participant can be reached, as the ledger keeps it. */
import t from 'tap';
import { addressesIn, endpointOf, isLoopback } from '../../src/process/endpoint.js';

const id = '/p2p/12D3KooWAbc';
const lan = '/ip4/192.168.0.7/tcp/4001';

t.test('addresses come without the peer id, loopback only where there is nothing else', async (t) => {
  t.equal(endpointOf([]), '');
  t.equal(endpointOf([`/ip4/127.0.0.1/tcp/1${id}`, `${lan}${id}`, `/ip6/::1/tcp/2${id}`]), lan);
  t.equal(endpointOf([`/ip4/127.0.0.1/tcp/1${id}`, `/ip6/::1/tcp/2${id}`]), '/ip4/127.0.0.1/tcp/1,/ip6/::1/tcp/2');
  t.same(addressesIn(endpointOf([lan, '/dns4/a.example/tcp/3'])), [lan, '/dns4/a.example/tcp/3']);
  t.same(['/ip4/127.9.9.9/tcp/1', '/ip6/::1/tcp/1', '/ip4/128.0.0.1/tcp/1', '/ip6/::12/tcp/1'].map(isLoopback), [true, true, false, false]);
});

t.test('256 bytes are kept, no more: an address that is too long gives way to a shorter one behind it', async (t) => {
  const host = (length: number) => `/dns4/${'a'.repeat(length - '/dns4//tcp/1'.length)}/tcp/1`;
  t.equal(endpointOf([host(256)]).length, 256);
  t.equal(endpointOf([host(257)]), '');
  t.equal(endpointOf([host(100), host(155)]).length, 256, 'the comma counts');
  t.equal(endpointOf([host(100), host(156), lan]), `${host(100)},${lan}`);
});
