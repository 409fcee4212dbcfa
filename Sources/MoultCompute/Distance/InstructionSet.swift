/// The instruction set that Moult's kernels use on this machine.
public enum InstructionSet {
  /// "scalar", "neon", "avx2", "avxvnni", "avx512" or "amx".
  public static var current: String { KernelTable.best.name }
}
