"""The throwaway copy of this machine in which a payload is tried for real."""
