import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describeService } from '../../service/test/service-suite.js';
import { app } from '../app.js';

describeService('Express', new URL('../main.js', import.meta.url), async (engine) => {
  const server = app(engine).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
});
