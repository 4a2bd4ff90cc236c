"""moto's server, with the ARNs of permission sets as AWS makes them: moto's own are `instance/…/ps-…`, which stint refuses
as what they are not."""

import sys

from moto.server import main
from moto.ssoadmin.models import PermissionSet

moto_makes = PermissionSet.generate_id
PermissionSet.generate_id = staticmethod(lambda instance: moto_makes(instance).replace(":::instance/", ":::permissionSet/"))

if __name__ == "__main__":
    main(sys.argv[1:])
