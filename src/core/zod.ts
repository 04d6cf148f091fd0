/**
 * zod, or one message that says how to install it. In the published package every `import ... from 'zod'` is led here when it is staged
 * (scripts/stage-packages.mjs): a static import of a missing package would fail before any code could say what to do.
 */
import { createRequire } from 'node:module';
import type * as Zod from 'zod';
import { requirePackages } from './optional-packages.js';

requirePackages('checking settings and configurations', ['configuration']);

export const { z } = createRequire(import.meta.url)('zod') as typeof Zod;
