/** A worker thread of a map: plays the groups it is handed, one at a time. */
import { parentPort } from 'node:worker_threads';
import { type MapGroup, type MapSpec, playGroup } from './map.js';

parentPort?.on('message', ({ spec, group }: { readonly spec: MapSpec; readonly group: MapGroup }) => {
  parentPort?.postMessage(playGroup(spec, group));
});
