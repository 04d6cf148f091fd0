/** `node lying-peer.js peer --config FILE`: one participant of {@link lyingRoster}. */
import { runPeer } from '../../src/process/peer.js';
import { readPeerConfig } from '../../src/process/peer-config.js';
import { lyingRoster } from './lying-roster.js';

const path = process.argv.at(-1);
if (path === undefined) throw new Error('no configuration');
await runPeer(await readPeerConfig(path), { roster: lyingRoster });
