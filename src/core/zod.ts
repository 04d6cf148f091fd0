/**
 * zod, or one message that says how to install it. In the published package every `import ... from 'zod'` is led here when it is staged
 * (scripts/stage-packages.mjs): a static import of a missing package would fail before any code could say what to do.
 */
import type * as Zod from 'zod';
import { requirePackages } from './optional-packages.js';
import { requireHere } from './require.js';

requirePackages('checking settings and configurations', ['configuration']);

export const { z } = requireHere('zod') as typeof Zod;
