// The position of a name in a closed list is the code that kernels receive: the enumerations of the C++ library have the same order.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadAddon, packageRoot } from '../../src/backend/index.js';
import * as lists from '../../src/core/closed-lists.js';

/** The members of an enumeration as our names: kBinaryCrossEntropy is binaryCrossEntropy. */
function membersOf(file: string, name: string): string[] {
  const source = readFileSync(join(packageRoot, 'native/src', file), 'utf8');
  const body = new RegExp(`enum (?:class )?${name}\\b[^{]*\\{([^}]*)\\}`).exec(source)?.[1] ?? '';
  return [...body.matchAll(/\bk([A-Z]\w*)/g)].map(([, member]) => member!).filter((member) => !member.endsWith('Count'));
}

const camel = (member: string): string => member[0]!.toLowerCase() + member.slice(1);

t.test('every enumeration of the kernels has the order of its list', async (t) => {
  const pairs: [string, string, readonly string[]][] = [
    ['curvature.hpp', 'Loss', lists.LOSSES],
    ['curvature.hpp', 'Estimator', lists.SAMPLE_ESTIMATORS],
    ['payoff.hpp', 'HessianStorage', lists.HESSIAN_STORAGES],
    ['ranking.hpp', 'EmissionNorm', lists.EMISSION_NORMS],
    ['equilibrium.hpp', 'SearchMethod', lists.SEARCH_METHODS],
    ['scenario_blocks.hpp', 'ShiftRule', lists.SHIFT_RULES],
  ];
  for (const [file, name, list] of pairs) t.same(membersOf(file, name).map(camel), list, name);
  const renamed: Record<string, string> = { logistic: 'sigmoid', diagonalStorage: 'diagonal' };
  const named = (name: string) => membersOf('curvature.hpp', name).map((member) => renamed[camel(member)] ?? camel(member));
  t.same(named('Activation'), lists.ACTIVATIONS);
  t.same(named('Storage'), lists.HESSIAN_STORAGES);
});

t.test('the instruction sets are those that the native library knows', async (t) => {
  t.same([...lists.ISAS].sort(), Object.keys(loadAddon().addon.describe().isas).sort());
});
