"""What moto's Auto Scaling lacks: an instance refresh, as a program for `MotoServer(also=SOURCE)`.

One instance after the other is ended, and a new one started of the template's version that the group names now.
"""

from __future__ import annotations

SOURCE = """\
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult

def start_instance_refresh(self):
    (group,) = self.autoscaling_backend.describe_auto_scaling_groups([self._get_param("AutoScalingGroupName")])
    for state in list(group.instance_states):
        self.autoscaling_backend.terminate_instance(state.instance.id, False)
        group.replace_autoscaling_group_instances(1, group.get_propagated_tags())
    return ActionResult({"InstanceRefreshId": "08b91cf7-8fa6-48af-b6a6-d227f40f1b9b"})

AutoScalingResponse.start_instance_refresh = start_instance_refresh
"""
