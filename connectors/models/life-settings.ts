import type { LifeSettings } from '#ml/life/next-step.ts';
import type { SETTINGS } from '#schemas/settings.ts';
import type { Settings } from '#streams/kit/config.ts';
import { closest } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';

const PROMOTIONS = ['approval', 'automatic'] as const;

/** Throws CONFIG_INVALID. */
export function lifeSettings(settings: Settings<typeof SETTINGS>): LifeSettings {
  const { TIDEMARK_MODEL_PROMOTION: name } = settings;
  const promotion = PROMOTIONS.find((each) => each === name);
  if (!promotion) {
    const hint = closest(name, PROMOTIONS) || `: it is ${PROMOTIONS.join(' or ')}`;
    throw new TidemarkError('CONFIG_INVALID', `TIDEMARK_MODEL_PROMOTION is "${name}"${hint}`);
  }
  return {
    promotion,
    retrainOnDrift: settings.TIDEMARK_RETRAIN_ON_DRIFT,
    retrainEveryDays: settings.TIDEMARK_RETRAIN_EVERY_DAYS,
  };
}
