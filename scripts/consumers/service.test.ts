import { expect, test } from 'vitest';
import { stored } from './service.js';

test('a unit that fails leaves nothing', async () => {
  expect(await stored()).toEqual(['Ada']);
});
