"""`make check-template`: what CloudFormation, IAM and Lambda would refuse of the transformed template."""

import json
import logging
import sys
import unittest

from infra.template import functions, operations, read_template

from .transform import Texts, cycle, depends_on, references, transform, with_operations

# SAM says of itself that it would like to publish metrics.
logging.disable(logging.ERROR)
TEMPLATE = read_template()
TODAY = transform(TEMPLATE)
# The operations of the whole contract.
PLANNED = 155
GROWN = transform(with_operations(TEMPLATE, PLANNED))
# CloudFormation takes a stack name of 128 characters.
LONG = "s" * 128


def of_type(transformed, kind):
    found = {name: one["Properties"] for name, one in transformed["Resources"].items() if one["Type"] == kind}
    if not found:
        raise ValueError(f"there is no {kind}")
    return found


def size(transformed):
    """In bytes, as it is sent: compact, and as the console shows it."""
    return len(json.dumps(transformed, separators=(",", ":"))), len(json.dumps(transformed, indent=2))


class Dependencies(unittest.TestCase):
    def test_no_resource_waits_for_itself(self):
        for transformed in (TODAY, GROWN):
            self.assertIsNone(cycle(transformed["Resources"]))

    def test_a_cycle_would_be_found(self):
        broken = transform(TEMPLATE)
        function = broken["Resources"]["GetHealthFunction"]["Properties"]
        function["Environment"]["Variables"]["URL"] = {"Fn::Sub": "https://${Api}.example.com"}
        self.assertIn("Api", cycle(broken["Resources"]))

    def test_the_api_is_deployed_anew_with_every_release(self):
        [version] = [api["Body"]["info"]["version"] for api in of_type(TODAY, "AWS::ApiGateway::RestApi").values()]
        self.assertRegex(version, r"^\d+\.\d+\.\d+-[0-9a-f]{12}$")
        [before] = of_type(TODAY, "AWS::ApiGateway::Deployment")
        changed = read_template()
        changed["Resources"]["Api"]["Properties"]["DefinitionBody"]["info"]["version"] = "0.0.0-000000000000"
        self.assertNotIn(before, of_type(transform(changed), "AWS::ApiGateway::Deployment"))


class Deletion(unittest.TestCase):
    def test_the_guard_is_deleted_before_everything_else(self):
        """CloudFormation deletes a resource before those it needs."""
        resources = TODAY["Resources"]
        names = set(resources)
        needed, waiting = set(), {"DrainGuard"}
        while waiting:
            name = waiting.pop()
            needed.add(name)
            resource = resources[name]
            waiting |= references(resource.get("Properties", {}), names) | set(depends_on(resource))
            waiting -= needed
        self.assertEqual(names - needed, set())


class Limits(unittest.TestCase):
    def test_resources(self):
        print(f"{len(TODAY['Resources'])} resources; {len(GROWN['Resources'])} with {PLANNED} operations")
        self.assertLessEqual(len(TODAY["Resources"]), 113)
        self.assertEqual(len(operations(with_operations(TEMPLATE, PLANNED))), PLANNED)
        self.assertLessEqual(len(GROWN["Resources"]), 300)

    def test_bytes(self):
        for what, transformed in (("today", TODAY), (f"{PLANNED} operations", GROWN)):
            compact, shown = size(transformed)
            print(f"{compact:,} bytes transformed, {shown:,} indented ({what})")
            self.assertLess(shown, 1_000_000)

    def test_names(self):
        """What AWS limits to 64 characters, in a stack whose name has 128."""
        texts = Texts(TODAY, LONG)
        limited = {
            "AWS::Lambda::Function": "FunctionName",
            "AWS::Scheduler::ScheduleGroup": "Name",
            "AWS::IAM::Role": "RoleName",
            "AWS::Events::Rule": "Name",
        }
        for kind, property in limited.items():
            for name, properties in of_type(TODAY, kind).items():
                # Without a name, CloudFormation makes one that fits.
                if property in properties:
                    self.assertLessEqual(len(texts.of(properties[property])), 64, name)

    def test_names_of_endpoints_and_workers(self):
        texts = Texts(TODAY, LONG)
        called = {name: texts.of(one["FunctionName"]) for name, one in of_type(TODAY, "AWS::Lambda::Function").items()}
        for name, binary in functions(TEMPLATE).items():
            self.assertRegex(called[name], rf"^stint-[0-9a-f]{{8}}-[ew]-{binary.replace('_', '-')}$")

    def test_policies_of_roles(self):
        """IAM counts the inline policies of a role together, without white space."""
        texts, largest = Texts(TODAY, LONG), 0
        for name, role in of_type(TODAY, "AWS::IAM::Role").items():
            documents = [policy["PolicyDocument"] for policy in texts.of(role.get("Policies", [])) if policy]
            used = sum(len(json.dumps(document, separators=(",", ":"))) for document in documents)
            largest = max(largest, used)
            self.assertLessEqual(used, 10_240, name)
        print(f"{largest:,} characters are the most policies of a role")

    def test_functions_without_a_role_of_their_own(self):
        """With a role, SAM adds no policy that is wider than ours."""
        managed = {name for name, role in of_type(TODAY, "AWS::IAM::Role").items() if "ManagedPolicyArns" in role}
        self.assertEqual(managed, {"ApiGatewayLogRole"})

    def test_nothing_is_reserved_in_a_new_account(self):
        for name in ("ProvisionGrantFunction", "DeprovisionGrantFunction"):
            reserved = TODAY["Resources"][name]["Properties"]["ReservedConcurrentExecutions"]
            self.assertEqual(reserved["Fn::If"][2], {"Ref": "AWS::NoValue"})
        for parameter in ("ProvisionConcurrency", "DeprovisionConcurrency"):
            self.assertEqual(TODAY["Parameters"][parameter]["Default"], 0)


class Gateway(unittest.TestCase):
    def test_calls_are_let_through_by_its_role_alone(self):
        """A permission for each operation would be more resources than a stack has."""
        for name, permission in of_type(TODAY, "AWS::Lambda::Permission").items():
            self.assertNotEqual(permission["Principal"], "apigateway.amazonaws.com", name)


if __name__ == "__main__":
    sys.exit(unittest.main())
