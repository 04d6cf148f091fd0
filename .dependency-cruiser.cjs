// Who may import whom (docs/architecture.md). Types count as imports.
const families = '(curvature|ranking|competition|payoff|projection|gating|distillation)';
const layers = [
  ['core', '^src/core/', []],
  ['reference', '^src/reference/', ['^src/core/']],
  ['backend', '^src/backend/', ['^src/core/', '^src/reference/']],
  ['families', `^src/${families}\\.ts$`, ['^src/core/', '^src/backend/', '^src/reference/', `^src/${families}\\.ts$`]],
  ['equilibrium', '^src/equilibrium/', ['^src/core/', '^src/backend/', '^src/reference/', `^src/${families}\\.ts$`]],
  ['sweep', '^src/sweep/', ['^src/core/', '^src/backend/', '^src/reference/', `^src/${families}\\.ts$`, '^src/equilibrium/']],
  ['scenario', '^src/scenario/', ['^src/core/', '^src/backend/', '^src/reference/', `^src/${families}\\.ts$`, '^src/equilibrium/']],
  ['network', '^src/network/', ['^src/core/']],
  ['ledger', '^src/ledger/', ['^src/core/']],
  [
    'participant',
    '^src/participant/',
    ['^src/core/', '^src/backend/', `^src/${families}\\.ts$`, '^src/equilibrium/', '^src/network/', '^src/ledger/'],
  ],
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
      to: { path: '^src/(participant|ledger|equilibrium|sweep)/', dependencyTypesNot: ['type-only'] },
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
    enhancedResolveOptions: { extensionAlias: { '.js': ['.ts', '.js'] } },
  },
};
