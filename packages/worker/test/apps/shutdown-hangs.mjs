export default (_request, response) => response.end('hello');
export const shutdown = () => new Promise(() => undefined);
