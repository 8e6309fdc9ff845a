export default (_request, response) => response.end();
export const startup = async () => {
  throw new Error('cannot reach the database');
};
