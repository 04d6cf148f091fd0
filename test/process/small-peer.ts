/** `node small-peer.js peer --config FILE`: one participant of {@link smallRoster}, as `intermodel peer` runs one of the demonstration. */
import { runPeer } from '../../src/process/peer.js';
import { readPeerConfig } from '../../src/process/peer-config.js';
import { smallRoster } from './small-roster.js';

const path = process.argv.at(-1);
if (path === undefined) throw new Error('no configuration');
await runPeer(await readPeerConfig(path), { roster: smallRoster });
