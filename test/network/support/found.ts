/**
 * A peer that was told nothing: node found.js OWN_NUMBER OTHER_NUMBER LISTEN MDNS WAIT_MS. Waits until it is connected with
 * somebody, asks the other by its key, prints what came of it, and goes on serving.
 */
import { Libp2pTransport, Network } from '../../../src/network/index.js';
import { identityOf, ramp, scaling, sleep } from './peers.js';

const [own, other, listen, mdns, wait_ms] = process.argv.slice(2);
const started = performance.now();
const transport = await Libp2pTransport.start({ identity: identityOf(Number(own)), listen: [listen], discovery: { mdns: mdns === 'on' } });
const network = new Network({ transport, service: { handlers: scaling(2), stakeOf: () => 1n } });
while (transport.connected().length === 0 && performance.now() - started < Number(wait_ms)) await sleep(20);
const connected = transport.connected();
const elapsed_ms = performance.now() - started;
const outcome = await network.query(identityOf(Number(other)).key, ramp(1, 2), { deadline_ms: 5000 });
const answer = outcome.ok ? outcome.value.data[1] : outcome.failure.code;
process.stdout.write(`${JSON.stringify({ answer, connected, elapsed_ms })}\n`);
