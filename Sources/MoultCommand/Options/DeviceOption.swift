public import ArgumentParser
public import MoultModel

extension DeviceChoice: ExpressibleByArgument {}
