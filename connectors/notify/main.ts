import { SETTINGS } from '#schemas/settings.ts';
import { openKafka, SchemaRegistry } from '#streams/kafka/index.ts';
import { readSettings } from '#streams/kit/config.ts';
import { TidemarkError } from '#streams/kit/errors.ts';
import { runService } from '#streams/kit/service.ts';
import { NotifyClient } from './client.ts';
import { email } from './email.ts';
import { webhook } from './webhook.ts';

/** Delivers notifications, as a process: `node connectors/notify/main.ts`. */
await runService('notify', async ({ log, metrics, signal }) => {
  const settings = readSettings(SETTINGS, process.env);
  const { KAFKA_BROKERS: brokers, SCHEMA_REGISTRY_URL: registryUrl, SMTP_URL: url, ALERT_FROM: from } = settings;
  if (!brokers || !registryUrl)
    throw new TidemarkError('CONFIG_INVALID', 'KAFKA_BROKERS and SCHEMA_REGISTRY_URL must be set');
  if (url !== null && !/^smtps?:$/.test(new URL(url).protocol))
    throw new TidemarkError('CONFIG_INVALID', 'SMTP_URL must begin with smtp:// or smtps://');
  if (url !== null && from === null)
    throw new TidemarkError('CONFIG_INVALID', 'ALERT_FROM must be set where SMTP_URL is: who sends the e-mails');
  const { TIDEMARK_NOTIFY_TIMEOUT_MS: timeoutMs } = settings;
  const kafka = await openKafka({ brokers, clientId: 'notify', log });
  const notify = await NotifyClient.open({
    kafka,
    registry: new SchemaRegistry(registryUrl),
    webhook: webhook(timeoutMs),
    email: email({ url, from, timeoutMs }),
    attempts: settings.TIDEMARK_NOTIFY_ATTEMPTS,
    retryMs: settings.TIDEMARK_NOTIFY_RETRY_MS,
    log,
    metrics,
    signal,
  });
  const done = notify.run().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  return {
    notReady: () => notify.waitingFor,
    done,
    stop: async () => {
      await done.catch(() => undefined);
      await notify.close();
      await kafka.close();
    },
  };
});
