import CMoultKernels
import Foundation
import MoultTesting
import Testing

/// Small libraries that answer as they are told, made by the C compiler.
enum DeviceStub {
  private static let compiler = ["clang", "cc", "gcc"].compactMap { name in
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }.first

  static var canBeMade: Bool { compiler != nil }

  /// - Parameter table: of C, in braces: what `moult_device_library` has; `nil` for no function of that name.
  static func make(_ directory: TemporaryDirectory, _ table: String?, status: String = "MOULT_DEVICE_OK")
    throws
    -> String
  {
    let include = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("kernels/include").path
    let source = directory.url.appendingPathComponent("stub.c")
    try """
    #include <stdio.h>
    #include "moult/device_abi.h"
    static int32_t asked = -1;
    static int place;
    static moult_device_status open_it(int32_t ordinal, moult_device **device, char *message, size_t bytes) {
      asked = ordinal;
      *device = (moult_device *)&place;
      if (\(status) == MOULT_DEVICE_OUT_OF_MEMORY) snprintf(message, bytes, "device %d is full", ordinal);
      return \(status);
    }
    static void close_it(moult_device *device) { *(int *)device += 1; }
    static const char *tell(moult_device *device) {
      static char text[32];
      snprintf(text, sizeof text, "%d %d", asked, *(int *)device);
      return text;
    }
    \(table.map { "static const moult_device_library table = \($0);" } ?? "")
    const moult_device_library *\(table == nil ? "another_name" : "moult_device_library_entry")(void)
      \(table == nil ? "" : "__asm__(MOULT_DEVICE_SYMBOL)");
    const moult_device_library *\(table == nil ? "another_name" : "moult_device_library_entry")(void) {
      (void)open_it, (void)close_it, (void)tell;
      return \(table == nil ? "0" : "&table");
    }
    """.write(to: source, atomically: true, encoding: .utf8)
    let library = directory.url.appendingPathComponent("\(UUID().uuidString).so").path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: compiler!)
    process.arguments = ["-std=gnu11", "-shared", "-fPIC", "-I\(include)", source.path, "-o", library]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return library
  }
}

@Suite("device library")
struct DeviceLibraryTests {
  private static let whole = """
    {.abi = MOULT_DEVICE_ABI, .bytes = sizeof(moult_device_library), .open = open_it, .close = close_it,
     .message = tell}
    """

  private let directory = TemporaryDirectory()

  /// - Returns: what `moult_device_open` said, and its handle where it gave one.
  private func open(
    _ path: String?, ordinal: Int32 = 0, textBytes: Int = 2048
  ) -> (status: moult_device_status, handle: moult_device_handle, text: String) {
    var handle = moult_device_handle()
    var text = [CChar](repeating: 42, count: textBytes + 1)
    let status = moult_device_open(path, ordinal, &handle, &text, textBytes)
    #expect(text[textBytes] == 42, "beyond the text's end")
    let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return (status, handle, String(decoding: bytes.prefix(textBytes), as: UTF8.self))
  }

  @Test("a file that is not there and one that is no library are refused with their names")
  func noLibrary() throws {
    for name in ["none.so", "text.so"] {
      let path = directory.url.appendingPathComponent(name).path
      if name == "text.so" { try "no library".write(toFile: path, atomically: true, encoding: .utf8) }
      let (status, handle, text) = open(path)
      #expect(status == MOULT_DEVICE_ABSENT)
      #expect(handle.library == nil && handle.device == nil)
      #expect(text.hasPrefix("the device library '\(path)' cannot be loaded: "), "\(text)")
    }
  }

  @Test("a message that is too long is cut", arguments: [0, 1, 10])
  func shortText(textBytes: Int) {
    let (status, _, text) = open("/nowhere/at/all.so", textBytes: textBytes)
    #expect(status == MOULT_DEVICE_ABSENT)
    if textBytes > 0 { #expect(text == "the device library".prefix(textBytes - 1)) }
  }

  @Test("a device is opened, says something and is closed", .enabled(if: DeviceStub.canBeMade))
  func opened() throws {
    let path = try DeviceStub.make(directory, Self.whole)
    var (status, handle, text) = open(path, ordinal: 3)
    #expect(status == MOULT_DEVICE_OK)
    #expect(text == path)
    #expect(handle.library.pointee.message(handle.device).map { String(cString: $0) } == "3 0")
    moult_device_close(&handle)
    #expect(handle.library == nil && handle.device == nil)
    moult_device_close(&handle)
  }

  @Test("a library that is found is trusted where nobody else may write it or its folder")
  func trusted() throws {
    let file = directory.url.appendingPathComponent("library.so").path
    let link = directory.url.appendingPathComponent("link.so").path
    try "".write(toFile: file, atomically: true, encoding: .utf8)
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
    func isTrusted(_ path: String, file mode: Int = 0o755, folder: Int = 0o755) throws -> Bool {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
      try FileManager.default.setAttributes([.posixPermissions: folder], ofItemAtPath: directory.url.path)
      return moult_device_is_trusted(path) != 0
    }
    for path in [file, link] {
      #expect(try isTrusted(path))
      for mode in [0o775, 0o757] {
        #expect(try !isTrusted(path, file: mode))
        #expect(try !isTrusted(path, folder: mode))
      }
    }
    #expect(try !isTrusted(file + ".none"))
  }

  @Test("a library of another version is refused", .enabled(if: DeviceStub.canBeMade))
  func otherVersion() throws {
    let other = try DeviceStub.make(
      directory, "{.abi = MOULT_DEVICE_ABI + 1, .bytes = sizeof(moult_device_library), .open = open_it}")
    let (status, _, text) = open(other)
    #expect(status == MOULT_DEVICE_ABSENT)
    #expect(text.contains("has ABI \(MOULT_DEVICE_ABI + 1), and this Moult needs \(MOULT_DEVICE_ABI)"))
    let smaller = try DeviceStub.make(
      directory, "{.abi = MOULT_DEVICE_ABI, .bytes = sizeof(moult_device_library) - 8, .open = open_it}")
    #expect(
      open(smaller).text.contains("has a table of \(MemoryLayout<moult_device_library>.size - 8) bytes"))
  }

  @Test("a library without the function is refused", .enabled(if: DeviceStub.canBeMade))
  func noFunction() throws {
    let (status, _, text) = open(try DeviceStub.make(directory, nil))
    #expect(status == MOULT_DEVICE_ABSENT)
    #expect(text.contains("has no function moult_device_library"))
  }

  @Test("what the library says of a device that it refuses is passed on", .enabled(if: DeviceStub.canBeMade))
  func refused() throws {
    let full = open(
      try DeviceStub.make(directory, Self.whole, status: "MOULT_DEVICE_OUT_OF_MEMORY"), ordinal: 1)
    #expect(full.status == MOULT_DEVICE_OUT_OF_MEMORY)
    #expect(full.text == "device 1 is full")
    #expect(full.handle.library == nil && full.handle.device == nil)
    let silent = open(try DeviceStub.make(directory, Self.whole, status: "MOULT_DEVICE_ABSENT"), ordinal: 1)
    #expect(silent.text.hasSuffix("refuses device 1 and does not say why"))
  }
}
