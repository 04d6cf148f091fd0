/** A peer in a process of its own, so that a test can really stop or kill it: node process.js KEY_NUMBER. Prints its address. */
import { Libp2pTransport, Network } from '../../../src/network/index.js';
import { identityOf, scaling } from './peers.js';

const number = Number(process.argv[2]);
const transport = await Libp2pTransport.start({ identity: identityOf(number) });
new Network({ transport, service: { handlers: scaling(2), stakeOf: () => 1n } });
process.stdout.write(`${JSON.stringify({ key: transport.self, addresses: transport.addresses() })}\n`);
process.on('SIGTERM', () => void transport.close().then(() => process.exit(0)));
