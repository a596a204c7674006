import { expect, test } from 'vitest';
import { stored } from './service.js';

// PGlite takes its time to start on a busy machine
test('a unit that fails leaves nothing', { timeout: 60_000 }, async () => {
  expect(await stored()).toEqual(['Ada']);
});
