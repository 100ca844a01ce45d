import { expect, it } from 'vitest';
import { indicatorsDocument } from './indicators-document.ts';

it('the document of the indicators is what their table says', async () => {
  await expect(indicatorsDocument()).toMatchFileSnapshot('../../docs/indicators.md');
});
