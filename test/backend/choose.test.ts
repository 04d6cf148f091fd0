import t from 'tap';
import { createBackend, loadAddon } from '../../src/backend/index.js';

t.test('the instruction set that is forced is the one that runs', async (t) => {
  for (const [isa, status] of Object.entries(loadAddon().addon.describe().isas)) {
    if (status === 'available') {
      t.equal(createBackend({ kind: 'native', isa }).describe().isa, isa);
    } else {
      t.throws(() => createBackend({ kind: 'native', isa }), { code: 'BTM_NO_ISA' }, `${isa}: ${status}`);
    }
  }
  t.equal(createBackend({ kind: 'native', isa: 'scalar' }).describe().isa, 'scalar', 'the scalar code can always run');
});

t.test('a backend that cannot be had is an error, never another backend', async (t) => {
  t.throws(() => createBackend({ kind: 'native', isa: 'mmx' }), { code: 'BTM_NO_ISA' });
  t.throws(() => createBackend({ kind: 'cuda' }), { code: 'BTM_NO_CUDA' });
  t.throws(() => createBackend({ kind: 'abacus' as 'native' }), { code: 'BTM_DOMAIN', argument: 'kind' });
  t.throws(() => createBackend({ kind: 'native', threads: 0 }), { code: 'BTM_DOMAIN', argument: 'threads' });
  t.throws(() => createBackend({ kind: 'native', threads: 1.5 }), { code: 'BTM_TYPE', argument: 'threads' });
  for (const threads of [-1, 257, 1e9])
    t.throws(() => createBackend({ kind: 'native', threads }), { argument: 'threads', code: 'BTM_DOMAIN' });
  const { createEngine } = loadAddon().addon; // the native code checks for itself
  for (const threads of [0, -1, 257, 1.5, Number.NaN])
    t.throws(() => createEngine(undefined, threads), { code: 'BTM_DOMAIN' }, `${threads}`);
  for (const kind of ['reference', 'cuda'] as const) {
    for (const option of [{ isa: 'scalar' }, { threads: 1 }]) {
      t.throws(() => createBackend({ kind, ...option }), { code: 'BTM_DOMAIN', argument: `kind '${kind}'` }, JSON.stringify(option));
    }
  }
  for (const kind of ['reference', 'native'] as const) t.throws(() => createBackend({ kind, device: 0 }), { code: 'BTM_DOMAIN' }, kind);
});

t.test('a backend says what runs', async (t) => {
  t.match(createBackend({ kind: 'native', threads: 7 }).describe(), { kind: 'native', threads: 7, version: /^\d/ });
  t.match(createBackend({ kind: 'reference' }).describe(), { kind: 'reference', isa: 'typescript', threads: 1 });
});
