import t from 'tap';
import { createHub } from '../../src/network/index.js';
import { compliance } from './support/compliance.js';

const hub = createHub();

compliance(t, {
  name: 'memory',
  start: async (identity, limits) => hub.join(identity, limits),
  introduce: async () => {},
});
