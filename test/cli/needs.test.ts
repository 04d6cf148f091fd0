/** Which optional packages each command asks for before it starts, by the words after its name. */
import t from 'tap';
import { checkNeeds, missingNeeds } from '../../src/cli/needs.js';
import { FEATURES, type Feature } from '../../src/core/optional-packages.js';
import { hidePackages, hidingPackages } from '../support/hidden-packages.js';
import { intermodel } from './run.js';

const NEEDS: readonly (readonly [command: string, ...features: Feature[]])[] = [
  ['demo', 'configuration', 'digits', 'report'],
  ['demo --processes', 'configuration', 'digits', 'report', 'network'],
  ['demo --data text', 'configuration', 'text', 'report'],
  ['demo --data=table', 'configuration', 'table', 'tables', 'report'],
  ['demo --data my.CSV#label', 'configuration', 'tables', 'report'],
  ['distill', 'configuration', 'digits'],
  ['distill --transport libp2p', 'configuration', 'digits', 'network'],
  ['distill --transport=libp2p', 'configuration', 'digits', 'network'],
  ['distill --transport=memory --data=x.parquet', 'configuration', 'parquet'],
  ['ledger', 'configuration'],
  ['ledger verify', 'configuration'],
  ['ledger serve', 'configuration', 'network'],
  ['peer', 'configuration', 'network'],
  ['peer init', 'configuration'],
  ['rank a.npy'],
  ['rank head.json', 'configuration'],
  ['rank a.tsv --labels b.json', 'tables'],
  ['rank a.parquet --labels=b.json --out c.html', 'parquet', 'report'],
  ['report x', 'configuration', 'report'],
  ['select a.csv b.PARQUET', 'tables', 'parquet'],
  ['select a.npy'],
  ['simulate', 'report'],
  ['doctor'],
  ['sweep'],
];

t.test('every command asks for what its words use, and for nothing else', async (t) => {
  const show = hidePackages(Object.values(FEATURES).flat());
  for (const [line, ...features] of NEEDS) {
    const [command, ...words] = line.split(' ') as [string, ...string[]];
    const names = features.flatMap((feature): readonly string[] => FEATURES[feature]);
    t.same(missingNeeds(command, words).sort(), [...new Set(names)].sort(), line);
    if (names.length === 0) t.doesNotThrow(() => checkNeeds(command, words), line);
    else
      t.throws(() => checkNeeds(command, words), {
        code: 'BTM_NO_PACKAGE',
        message: new RegExp(`^BTM_NO_PACKAGE: intermodel ${command} needs`),
      });
  }
  show();
  for (const [line] of NEEDS) t.same(missingNeeds(line.split(' ')[0]!, line.split(' ').slice(1)), [], `${line}, all installed`);
});

t.test('a command without its packages says so before it starts; the list of commands names them', async (t) => {
  const env = hidingPackages(['vega']);
  const run = intermodel(['simulate', '--figure', '4'], { env });
  t.equal(run.code, 3);
  t.equal(run.stdout, '');
  t.match(run.stderr, /BTM_NO_PACKAGE: intermodel simulate needs[\s\S]*tried vega: not installed[\s\S]*cure: npm install vega@/);
  t.match(intermodel(['--help'], { env }).stdout, /simulate +needs optional packages: vega\n/);
});
