import { stored } from './service.js';

console.log((await stored()).join());
