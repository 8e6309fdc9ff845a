export const settings = {};
export const version = 1;
