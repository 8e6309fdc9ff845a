export default (_request, response) => response.end('hello');
export const shutdown = async () => {
  throw new Error('cannot say goodbye');
};
