"""What the commands of `blindsight camera` do: a look through a camera's regions, photos read, and regions proposed."""
