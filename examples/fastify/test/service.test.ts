import { borrowed } from '../../service/test/borrowed.js';
import { describeService } from '../../service/test/service-suite.js';
import { app } from '../app.js';

describeService('Fastify', new URL('../main.js', import.meta.url), async (engine) => {
  const service = app(borrowed(engine));
  const url = await service.listen({ port: 0, host: '127.0.0.1' });
  return { url, close: () => service.close() };
});
