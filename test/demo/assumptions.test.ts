/** The sentences beside the figures of a run say what its settings are. */
import t from 'tap';
import { assumptionsOf } from '../../src/demo/assumptions.js';
import { type RunSettings, resolveSettings } from '../../src/run/settings.js';

const textOf = (settings: Partial<RunSettings>, seed = 7): string => assumptionsOf(resolveSettings(settings), seed).join('\n');

t.test('numbers are those of the settings, in the unit that is named', async (t) => {
  const text = textOf({ distillationAlpha: 0.75, initialStake: 2000, maskTemperature: 500, equilibriumRatio: 3, stepBound: 0.5 }, 12);
  t.match(text, 'follows from seed 12:');
  t.match(text, 'labels at weight 0.25, and');
  t.match(text, 'All start with 2000 tokens');
  t.match(text, 'moves by at most 0.5 in the l2 norm');
  t.match(text, 'temperature 500 tokens (R-13)');
  t.match(text, "alpha/tau 3, equal stake, the ledger's temperature in units of the initial stake (0.25)");
});

t.test('what depends on a choice is said for that choice alone', async (t) => {
  t.match(textOf({ rows: 'measured' }), 'free riders included, reports what it measured.');
  t.notMatch(textOf({ rows: 'measured' }), 'gradient of its own payoff');
  t.match(textOf({ rows: 'competing', lossPrice: 40 }), 'own payoff with its real loss, 40 tokens to a nat');
  t.match(textOf({ gateK: 0 }), 'every participant asks all others.');
  t.match(textOf({ gateK: 2, gate: 'sparse' }), 'a sparse gate asks 2 peers per sample');
  t.match(textOf({ estimator: 'taylor2' }), 'Scores are by taylor2, the second-order change');
  t.match(textOf({ estimator: 'gaussNewton' }), 'Scores are by gaussNewton (R-03);');
});
