import t from 'tap';
import { Libp2pTransport } from '../../src/network/index.js';
import { compliance } from './support/compliance.js';

compliance(t, {
  name: 'libp2p',
  start: (identity, limits) => Libp2pTransport.start({ identity, ...(limits === undefined ? {} : { limits }) }),
  introduce: async (from, to) => {
    await (from as Libp2pTransport).introduce(to.self, (to as Libp2pTransport).addresses());
  },
});
