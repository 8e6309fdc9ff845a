import { describe } from 'node:test';
import { testInBandFastApi } from '../support/in-band-fastapi.ts';

describe('E26: SIGTERM to a Gunicorn behind a stock nginx while no controller lives, node after node: lost 0', () =>
  testInBandFastApi(4));
