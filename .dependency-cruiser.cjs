// Who may import whom (docs/architecture.md). Types count as imports.
const functions = '^src/(?!index)[a-z-]+.ts$'; // curvature, ranking, competition, payoff, gating, distillation, ...
const below = ['^src/core/', '^src/data/', '^src/backend/', functions, '^src/equilibrium/', '^src/network/', '^src/ledger/'];
const layers = [
  ['core', '^src/core/', []],
  ['reference', '^src/reference/', ['^src/core/']],
  ['backend', '^src/backend/', ['^src/core/', '^src/reference/']],
  ['functions', functions, ['^src/core/', '^src/backend/', '^src/reference/', functions]],
  ['equilibrium', '^src/equilibrium/', ['^src/core/', '^src/backend/', '^src/reference/', functions]],
  ['sweep', '^src/sweep/', ['^src/core/', '^src/backend/', '^src/reference/', functions, '^src/equilibrium/']],
  [
    'scenario',
    '^src/scenario/',
    ['^src/core/', '^src/backend/', '^src/reference/', functions, '^src/equilibrium/', '^src/sweep/', '^src/ledger/'],
  ],
  ['data', '^src/data/', ['^src/core/']],
  ['stacking', '^src/stacking/', ['^src/core/', '^src/data/', '^src/backend/', '^src/reference/', functions]],
  ['network', '^src/network/', ['^src/core/']],
  ['ledger', '^src/ledger/', ['^src/core/']],
  ['participant', '^src/participant/', below],
  ['run', '^src/run/', [...below, '^src/participant/', '^src/scenario/']],
  ['process', '^src/process/', [...below, '^src/participant/', '^src/run/']],
  ['demo', '^src/demo/', [...below, '^src/participant/', '^src/run/']],
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'report-takes-data', severity: 'error', from: { path: '^src/report/' }, to: { path: '^src/(cli|network|backend|reference)/' } },
    {
      name: 'report-takes-data-types-only',
      severity: 'error',
      from: { path: '^src/report/' },
      to: { path: '^src/(participant|run|process|demo|ledger|equilibrium|scenario|stacking|sweep)/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'nobody-imports-the-cli', severity: 'error', from: { pathNot: '^src/cli/' }, to: { path: '^src/cli/' } },
    ...layers.map(([name, path, allowed]) => ({
      name: `${name}-imports-downwards`,
      severity: 'error',
      from: { path },
      to: { path: '^src/', pathNot: [path, ...allowed] },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
